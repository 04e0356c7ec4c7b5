export interface ServerAddress {
  readonly port: number;
  /** Undefined where no short enough folder is available: then TCP only. */
  readonly socketFolder: string | undefined;
}

/** A server for one machine: durable, small when idle, and silent about what applications do wrong. */
export function serverParameters(
  dataDir: string,
  { port, socketFolder }: ServerAddress,
  { durable, logicalDecoding }: { readonly durable: boolean; readonly logicalDecoding: boolean },
): string[] {
  const onDisk = durable ? 'on' : 'off';
  const settings: Readonly<Record<string, string | number>> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: socketFolder ?? '',
    unix_socket_permissions: '0700',
    // A server whose data need not survive is that of tests, whose systems share it.
    max_connections: durable ? 300 : 1_000,
    shared_buffers: '64MB',
    huge_pages: 'off',
    fsync: onDisk,
    synchronous_commit: 'on',
    full_page_writes: onDisk,
    // No replica will ever follow this server, but a capture may read its log.
    wal_level: logicalDecoding ? 'logical' : 'minimal',
    // A capture that stops must not fill the disk.
    max_slot_wal_keep_size: '2GB',
    max_wal_senders: 0,
    max_logical_replication_workers: 0,
    max_wal_size: '1GB',
    checkpoint_timeout: '15min',
    // Three I/O processes less; the data fits in memory.
    io_method: 'sync',
    // Statements are short: compiling or splitting them costs more than it gains.
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    timezone: 'UTC',
    log_timezone: 'UTC',
    // A statement of a client that died ends within this time.
    client_connection_check_interval: '5s',
    // Above `error`: refused statements are reported to whoever sent them, and their text may hold personal data.
    log_min_messages: 'log',
    log_checkpoints: 'off',
  };
  return ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}
