import {
  createAPI,
  createRecordsBatch,
  type MessageRecord,
  NumericMap,
  produceV9,
  Writer,
} from '@platformatic/kafka';

/** Who writes and the number of the first record: the broker drops what it has, and refuses what would leave a gap. */
export interface Stamp {
  readonly producerId: bigint;
  /** Raised to shut out everything sent before. */
  readonly epoch: number;
  readonly sequence: number;
}

export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly MessageRecord[];
  readonly stamp: Stamp;
}

const allInSyncReplicas = -1;

/**
 * Version 9 of Produce, with a stamp for each partition of its own: the library's request has one epoch for all of them. Newer versions
 * of Produce add fields to their errors that the library cannot read.
 */
export const produce = createAPI<
  [batches: readonly PartitionBatch[], replicationTimeoutMs: number],
  produceV9.ProduceResponse
>(0, 9, createRequest, produceV9.parseResponse);

function createRequest(batches: readonly PartitionBatch[], replicationTimeoutMs: number): Writer {
  const byTopic = [...Map.groupBy(batches, ({ topic }) => topic)];
  return Writer.create()
    .appendString(null)
    .appendInt16(allInSyncReplicas)
    .appendInt32(replicationTimeoutMs)
    .appendArray(byTopic, (topicWriter, [topic, ofTopic]) => {
      topicWriter.appendString(topic).appendArray(ofTopic, (writer, batch) => {
        const records = encodeBatch(batch);
        writer
          .appendInt32(batch.partition)
          .appendUnsignedVarInt(records.length + 1)
          .appendFrom(records);
      });
    })
    .appendTaggedFields();
}

function encodeBatch({ topic, partition, records, stamp }: PartitionBatch): Writer {
  const sequences = new NumericMap([[`${topic}:${partition}`, stamp.sequence]]);
  const { producerId, epoch: producerEpoch } = stamp;
  return createRecordsBatch([...records], { producerId, producerEpoch, sequences });
}
