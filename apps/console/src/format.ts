/** `850 µs`, `12.3 ms`, `4.21 s`, `3 min 05 s`. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return '–';
  if (ms < 0.0005) return '0';
  if (ms < 1) return `${Math.round(ms * 1_000)} µs`;
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${pad(Math.floor((ms % 60_000) / 1_000))} s`;
  return `${Math.floor(ms / 3_600_000)} h ${pad(Math.floor((ms % 3_600_000) / 60_000))} min`;
}

export function formatUs(us: number): string {
  return formatMs(us / 1_000);
}

/** `1.2/s`, `340/s`, `12k/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0/s';
  if (perSecond < 0.1) return `${(perSecond * 60).toFixed(1)}/min`;
  return `${perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))}/s`;
}

export function formatCount(count: number): string {
  if (count < 10_000) return count.toLocaleString('en-GB');
  if (count < 1_000_000) return `${(count / 1_000).toFixed(count < 100_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** `0 %`, `0.4 %`, `12 %`. */
export function formatShare(share: number): string {
  if (share === 0) return '0 %';
  const percent = share * 100;
  return `${percent < 0.1 ? '<0.1' : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log(bytes) / Math.log(1_024)), units.length);
  const value = bytes / 1_024 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

/** `4 s ago`, `in 2 min`. */
export function formatAgo(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  const text = coarse(Math.abs(ms));
  return ms >= 0 ? `${text} ago` : `in ${text}`;
}

function coarse(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** In the reader's time zone, to the millisecond. */
export function formatTime(at: string): string {
  const date = new Date(at);
  const day = date.toLocaleDateString('en-GB', { day: '2-digit', month: 'short', year: 'numeric' });
  return `${day} ${formatClock(at)}`;
}

export function formatClock(at: string): string {
  const date = new Date(at);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

export function shortId(id: string): string {
  return id.length > 13 ? `${id.slice(0, 8)}…` : id;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function px(value: number): string {
  return `${value}px`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
