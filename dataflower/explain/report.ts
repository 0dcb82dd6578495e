import { SEGMENT_KINDS, type SegmentKind } from './critical-path.js';
import type { Explanation, PathStep } from './explanation.js';
import { drawTimeline, legend } from './timeline.js';

const HEADINGS: Record<SegmentKind, string> = {
  queueing: 'queueing',
  coldStart: 'cold start',
  compute: 'compute',
  transfer: 'transfer',
  waiting: 'waiting',
};
const COLUMN = 11;
/** Steps of a long path that are shown at its beginning and at its end. */
const STEPS_SHOWN = 12;

/** The explanation as text of at most `width` characters a line, and at least 60. */
export function reportOf(explanation: Explanation, width: number): string {
  return [
    headOf(explanation),
    drawTimeline(explanation.timeline, width),
    legend(explanation.timeline, width),
    pathOf(explanation, width),
  ].join('\n\n');
}

function headOf(explanation: Explanation): string {
  const { name, activationId, status, durationMs, parts, containers, coldStarts, failed, missing, unread } =
    explanation;
  const facts = [
    ...(parts > 0 ? [plural(parts, 'part')] : []),
    plural(containers, 'container'),
    ...(coldStarts > 0 ? [plural(coldStarts, 'cold start')] : []),
    ...(failed > 0 && parts > 0 ? [`${failed} failed`] : []),
  ];
  const outcome = explanation.cancelled ? `cancelled, ${status}` : status;
  const lines = [`${name} ${activationId}`, `${outcome}, ${format(durationMs)} ms`, facts.join(', ')];
  if (explanation.error !== undefined) lines.push(`error: ${printable(explanation.error).slice(0, 500)}`);
  if (explanation.lostHost !== undefined)
    lines.push(`the host ${explanation.lostHost} was lost while it ran: what its parts did there is not known`);
  if (missing > 0) lines.push(`${plural(missing, 'part')} without a record: still running, or removed by retention`);
  if (unread > 0) lines.push(`${plural(unread, 'further part')} not read`);
  return lines.join('\n');
}

function pathOf({ criticalPath: { steps, shares }, durationMs }: Explanation, width: number): string {
  const shown =
    steps.length <= STEPS_SHOWN ? steps : [...steps.slice(0, STEPS_SHOWN / 2), ...steps.slice(-STEPS_SHOWN / 2)];
  const kinds = SEGMENT_KINDS.filter((kind) => shares[kind] > 0 || kind === 'compute');
  const space = Math.max(12, width - 2 - (kinds.length + 1) * COLUMN);
  const labels = Math.min(space, Math.max(16, ...shown.map((step) => labelOf(step).length)));
  const line = (label: string, cells: readonly string[], share: string): string => {
    const cut = label.length > labels ? `${label.slice(0, labels - 1)}…` : label.padEnd(labels);
    return `  ${cut}${cells.map((cell) => cell.padStart(COLUMN)).join('')}${share.padStart(COLUMN)}`.trimEnd();
  };
  const lines = shown.map((step) =>
    line(
      labelOf(step),
      kinds.map((kind) => (step.ms[kind] === 0 ? '' : format(step.ms[kind]))),
      percent(step.share),
    ),
  );
  if (shown.length < steps.length) lines.splice(STEPS_SHOWN / 2, 0, `  … ${steps.length - shown.length} more`);
  return [
    `Critical path, in milliseconds of ${format(durationMs)}`,
    line(
      '',
      kinds.map((kind) => HEADINGS[kind]),
      'share',
    ),
    ...lines,
    line(
      'share',
      kinds.map((kind) => percent(shares[kind])),
      '',
    ),
  ].join('\n');
}

function labelOf({ activationId, node, tag, ms }: PathStep): string {
  if (activationId === undefined) return ms.waiting > 0 ? 'not known' : 'from the caller';
  return tag === '' ? node : `${node} ${tag}`;
}

/** Texts of actions must not control the terminal, nor look like lines of this report. */
const printable = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');
const format = (number: number): string => (Math.round(number * 10) / 10).toLocaleString('en-US');
const percent = (share: number): string => `${Math.round(share * 100)} %`;
const plural = (number: number, what: string): string => `${format(number)} ${what}${number === 1 ? '' : 's'}`;
