export { sidecarErrors } from './errors.ts';
export { type SidecarOptions, sidecar } from './sidecar.ts';
