export { replicasErrors } from './errors.ts';
export {
  defineReplica,
  type Reconciliation,
  type Replica,
  type ReplicaOptions,
  type ReplicaStatus,
} from './replica.ts';
export { type Change, type ReplicaContract, replicaEvents, replicaOperations } from './replica-contract.ts';
export type { PendingChange } from './replica-store.ts';
