// Bars as SVG, from a report's rows. Pure: text in, text out; no script, no font or file from elsewhere.
import { type Row, shown } from './report.ts';

const COLORS: Readonly<Record<string, string>> = {
  'holdfast-epoll': '#0b7285',
  'holdfast-portable': '#66a9b5',
  nginx: '#2f9e44',
  haproxy: '#4263eb',
  'http-proxy-3': '#e8590c',
  'net-pipe': '#f2a154',
  floor: '#868e96',
};
const OTHER_COLOR = '#7048e8';
const WIDTH = 760;
const LABEL_WIDTH = 170;
const FIGURE_WIDTH = 170;
const BAR_HEIGHT = 18;
const GAP = 6;
const GROUP_GAP = 20;
const TITLE_HEIGHT = 30;

export interface Plot {
  readonly title: string;
  /** One group of bars each; all of the same measure. */
  readonly rows: readonly Row[];
  readonly titles: ReadonlyMap<string, string>;
  readonly base: string;
}

/** A group of bars per case, one bar per contender: the median, a line from least to most, the ratio to the base. */
export function barPlot(plot: Plot): string {
  const parts: string[] = [];
  let y = TITLE_HEIGHT;
  for (const row of plot.rows) {
    parts.push(text(0, y + 14, row.case, 'case'));
    y += BAR_HEIGHT + GAP;
    const most = Math.max(
      ...row.cells.map((cell) => (Number.isFinite(cell.most) ? cell.most : 0)),
      Number.MIN_VALUE,
    );
    const scale = (WIDTH - LABEL_WIDTH - FIGURE_WIDTH) / most;
    for (const cell of row.cells) {
      parts.push(text(LABEL_WIDTH - 8, y + 13, plot.titles.get(cell.contender) ?? cell.contender, 'who'));
      parts.push(...bar(cell, y, scale, plot.base));
      y += BAR_HEIGHT + GAP;
    }
    y += GROUP_GAP - GAP;
  }
  const unit = plot.rows[0]?.measure.unit ?? '';
  const better = plot.rows[0]?.measure.better === 'more' ? 'more is better' : 'less is better';
  const head = text(0, 16, `${plot.title}${unit === '' ? '' : `, ${unit}`} (${better})`, 'title');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="${escaped(plot.title)}">
<style>text{font:12px system-ui,sans-serif;fill:#343a40}.title{font-size:14px;font-weight:600}.case{font-weight:600}.who{text-anchor:end}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[head, ...parts].join('\n')}
</svg>
`;
}

function bar(cell: Row['cells'][number], y: number, scale: number, base: string): string[] {
  if (cell.rounds === 0) return [text(LABEL_WIDTH, y + 13, 'failed', 'figure')];
  const x = (figure: number): string => (LABEL_WIDTH + Math.max(0, figure) * scale).toFixed(1);
  const width = (Math.max(0, cell.median) * scale).toFixed(1);
  const middle = y + BAR_HEIGHT / 2;
  const ratio = cell.ratio === undefined || cell.contender === base ? '' : ` (×${cell.ratio.toFixed(2)})`;
  return [
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${COLORS[cell.contender] ?? OTHER_COLOR}"/>`,
    `<line x1="${x(cell.least)}" x2="${x(cell.most)}" y1="${middle}" y2="${middle}" stroke="#212529" stroke-width="1.5"/>`,
    text(Number(x(cell.most)) + 6, y + 13, `${shown(cell.median)}${ratio}`, 'figure'),
  ];
}

function text(x: number, y: number, words: string, kind: string): string {
  return `<text x="${x}" y="${y}" class="${kind}">${escaped(words)}</text>`;
}

export function escaped(words: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return words.replace(/[&<>"]/g, (character) => names[character] ?? character);
}
