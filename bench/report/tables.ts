import type { Cell, Findings, Table } from '../scenario.js';
import { TARGETS, verdictOf } from '../targets.js';

/** As Markdown, aligned for terminals. */
export function tableOf({ columns, rows }: Pick<Table, 'columns' | 'rows'>): string {
  const lines = [columns, ...rows.map((row) => row.map(shown))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const [head = '', ...body] = lines.map((line) => `| ${line.map((cell, i) => align(cell, i, widths)).join(' | ')} |`);
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [head, rule, ...body].join('\n');
}

/** What was measured beside what must be and what is aimed for. */
export function verdicts(findings: readonly Findings[]): string {
  const rows = findings.flatMap(({ measures }) =>
    measures.map(({ target, value }) => {
      const { measure, unit, better, must, aim } = TARGETS[target];
      const bound = (number: number): string => `${better === 'higher' ? '≥' : '≤'} ${shown(number)} ${unit}`;
      return [measure, bound(must), bound(aim), `${shown(value)} ${unit}`, verdictOf(target, value)];
    }),
  );
  return tableOf({ columns: ['measure', 'must', 'aim', 'measured', 'reached'], rows });
}

function align(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** Three digits that count. */
function shown(cell: Cell): string {
  if (typeof cell === 'boolean') return cell ? 'yes' : 'NO';
  if (typeof cell === 'string') return cell;
  if (Number.isNaN(cell)) return '–';
  return cell >= 100 ? Math.round(cell).toLocaleString('en') : String(Number(cell.toPrecision(3)));
}
