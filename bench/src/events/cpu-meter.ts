import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of this process and of some servers on this machine, in ms. */
export interface CpuMeter {
  read(): number;
}

const ticksPerSecond = 100;

/** @param roots process ids of the servers; their children count as well, also those that come and go while they live */
export function createCpuMeter(roots: () => readonly number[]): CpuMeter {
  return {
    read() {
      const own = process.cpuUsage();
      return (own.user + own.system) / 1_000 + serversMs(roots());
    },
  };
}

/** Own and waited-for children's time of each tree, so that a backend which ended still counts. */
function serversMs(roots: readonly number[]): number {
  if (process.platform !== 'linux' || roots.length === 0) return 0;
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const fields = statOf(pid);
    if (fields === undefined) continue;
    parents.set(pid, Number(fields[1]));
    const waited = roots.includes(pid) ? Number(fields[13]) + Number(fields[14]) : 0;
    ticks.set(pid, Number(fields[11]) + Number(fields[12]) + waited);
  }
  let total = 0;
  for (const [pid, own] of ticks) if (descends(pid, roots, parents)) total += own;
  return (total * 1_000) / ticksPerSecond;
}

/** Fields of /proc/PID/stat behind the name, which may hold spaces. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function descends(pid: number, roots: readonly number[], parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
    if (roots.includes(at)) return true;
  }
  return false;
}

/** Ids of the processes whose command begins with one of these names. */
export function findProcesses(names: readonly string[]): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const name = Number.isInteger(pid) ? readFileSync(`/proc/${pid}/comm`, 'utf8').trim() : '';
        return names.includes(name);
      } catch {
        return false;
      }
    });
}
