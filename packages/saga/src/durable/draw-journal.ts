import { definitionId } from '../definition/definition.ts';
import type { StoredSaga } from '../saga-store.ts';
import { durableStateOf } from './durable-state.ts';
import { type JournalEntry, wordsFor } from './journal.ts';

const width = 560;
const rowHeight = 34;
const margin = 24;
/** Of a longer journal the middle is left out. */
const most = 200;

const colours = {
  answered: { fill: '#dff3e4', edge: '#2f7d46' },
  failed: { fill: '#fbe1e0', edge: '#a8322d' },
  pending: { fill: '#e1ecfb', edge: '#2c5fa8' },
} as const;

interface Row {
  readonly time: string;
  readonly text: string;
  readonly colour: keyof typeof colours;
}

/** A durable function as a self-contained SVG document: what came back, in order, with its time since the start, and what it waits for. */
export function drawJournal(instance: StoredSaga, journal: readonly JournalEntry[]): string {
  const { t0, pending } = durableStateOf(instance.state);
  const title = `${definitionId(instance)} ${instance.id}: ${instance.status}`;
  const answered = journal.map((entry): Row => {
    const outcome = entry.e === undefined ? '' : ` · ${entry.e.reason}`;
    const colour = entry.e === undefined ? 'answered' : 'failed';
    return { time: since(entry.t - t0), text: `${wordsFor(entry)}${outcome}`, colour };
  });
  const waiting = Object.values(pending).map((record): Row => {
    const attempts = record.a === undefined ? '' : ` · failed ${record.a} times`;
    return { time: '…', text: `${wordsFor(record)}${attempts}`, colour: 'pending' };
  });
  const rows = [...shortened(answered), ...waiting];
  const height = 2 * margin + 24 + rows.length * rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(`Durable function ${title}`)}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="${margin}" y="${margin}" font-weight="600">${escapeXml(title)}</text>
${rows.map(drawRow).join('\n')}
</svg>
`;
}

function shortened(rows: readonly Row[]): readonly Row[] {
  if (rows.length <= most) return rows;
  const left = rows.length - most;
  const gap: Row = { time: '', text: `${left} more`, colour: 'answered' };
  return [...rows.slice(0, most / 2), gap, ...rows.slice(-most / 2)];
}

function drawRow({ time, text, colour }: Row, index: number): string {
  const y = margin + 16 + index * rowHeight;
  const { fill, edge } = colours[colour];
  const line =
    index === 0
      ? ''
      : `<line x1="140" y1="${y - 8}" x2="140" y2="${y}" stroke="#9aa4b2" stroke-width="1.5"/>`;
  return `${line}<text x="${margin}" y="${y + 17}" font-size="11" fill="#55606e">${escapeXml(time)}</text><rect x="110" y="${y}" width="${width - 110 - margin}" height="26" rx="6" fill="${fill}" stroke="${edge}"/><text x="122" y="${y + 17}">${escapeXml(text)}</text>`;
}

function since(ms: number): string {
  return ms < 10_000 ? `+${ms} ms` : `+${(ms / 1_000).toFixed(1)} s`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
