/** Figures as short as they can be read. */

export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined || perSecond === 0) return '–';
  return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(2);
}

export function percent(traffic: { readonly count: number; readonly errorRate: number } | undefined): string {
  return traffic === undefined || traffic.count === 0 ? '–' : `${(traffic.errorRate * 100).toFixed(1)} %`;
}

export function ms(value: number | undefined): string {
  if (value === undefined) return '–';
  if (value >= 1_000) return `${(value / 1_000).toFixed(2)} s`;
  return value >= 10 ? `${value.toFixed(0)} ms` : `${value.toFixed(2)} ms`;
}
