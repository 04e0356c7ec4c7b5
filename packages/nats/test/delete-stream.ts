import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

/** Takes a stream off a shared server, if it is there. */
export async function deleteStream(url: string, name: string): Promise<void> {
  const nc = await connect({ servers: url.replace(/^nats:\/\//, '') });
  try {
    const { streams } = await jetstreamManager(nc);
    for await (const each of streams.names()) if (each === name) await streams.delete(name);
  } finally {
    await nc.close();
  }
}
