import { LOG_LINE_BYTES, endMarkId } from '@dataflower/action-runtime/protocol';
import type { RunLog } from './run-log.js';

export type StreamName = 'stdout' | 'stderr';

interface Line {
  /** Its position among the lines of both streams. */
  readonly place: number;
  readonly stream: StreamName;
  readonly text: string;
  /** When it came, in ms since the epoch. */
  readonly time: number;
}

/** Lines of one stream up to an end mark, or after the last one. */
interface Section {
  readonly lines: Line[];
  bytes: number;
  /** Lines were dropped. */
  cut: boolean;
}

/** A section whose end mark has come, with the invocation that the mark names. */
type Ended = Section & { readonly id: number };

interface Stream {
  readonly ended: Ended[];
  open: Section;
  /** The invocation of the last end mark. */
  markedId: number;
}

/** Bound of the output that is not in a run's log yet, as a multiple of the log limit. */
const LIMITS_KEPT = 2;

/**
 * The output of a container on its own stdout and stderr that is not in the log of a run yet, in the order in which it came.
 * A line belongs to the run whose end mark comes next on its stream. The memory for it is bounded whatever the container writes.
 */
export class OwnOutput {
  readonly #streams: Record<StreamName, Stream> = { stdout: newStream(), stderr: newStream() };
  #bytes = 0;
  #places = 0;

  readonly #markKey: string;
  readonly #limitBytes: number;

  /**
   * @param markKey The text that its end marks begin with.
   * @param limitBytes The log limit of its action.
   */
  constructor(markKey: string, limitBytes: number) {
    this.#markKey = markKey;
    this.#limitBytes = limitBytes;
  }

  /**
   * Adds a line.
   *
   * @param newestId The last invocation that the container was sent: a mark of a later one is ignored.
   * @returns True when it ends with an end mark.
   */
  add(name: StreamName, line: string, time: number, newestId: number): boolean {
    const { id, before } = endMarkId(this.#markKey, line);
    if (id === 0 || before !== '') this.#keep(name, before, time);
    const stream = this.#streams[name];
    // A mark that the function wrote itself ends only the function's own output.
    if (id <= stream.markedId || id > newestId) return id !== 0;
    stream.markedId = id;
    stream.ended.push({ ...stream.open, id });
    stream.open = newSection();
    return true;
  }

  /** True when the end of the invocation, or of a later one, is marked on both streams. */
  isMarked(id: number): boolean {
    return this.#streams.stdout.markedId >= id && this.#streams.stderr.markedId >= id;
  }

  /** Moves the lines up to the invocation's marks into its log, and drops those of earlier invocations. */
  take(id: number, log: RunLog, now: number): void {
    const sections: Ended[] = [];
    for (const { ended } of Object.values(this.#streams))
      while (ended.length > 0 && ended[0]!.id <= id) sections.push(ended.shift()!);
    for (const { bytes } of sections) this.#bytes -= bytes;
    give(
      sections.filter((section) => section.id === id),
      log,
      now,
    );
  }

  /** Moves all lines into a log. */
  takeAll(log: RunLog, now: number): void {
    const sections: Section[] = [];
    for (const stream of Object.values(this.#streams)) {
      sections.push(...stream.ended.splice(0), stream.open);
      stream.open = newSection();
    }
    this.#bytes = 0;
    give(sections, log, now);
  }

  #keep(name: StreamName, text: string, time: number): void {
    const { open } = this.#streams[name];
    const bytes = LOG_LINE_BYTES + text.length;
    // One line more than the log takes, so that the log reports the cut.
    if (open.bytes > this.#limitBytes || this.#bytes > LIMITS_KEPT * this.#limitBytes) {
      open.cut = true;
      return;
    }
    open.bytes += bytes;
    this.#bytes += bytes;
    open.lines.push({ place: this.#places++, stream: name, text, time });
  }
}

function newSection(): Section {
  return { lines: [], bytes: 0, cut: false };
}

function newStream(): Stream {
  return { ended: [], open: newSection(), markedId: 0 };
}

function give(sections: readonly Section[], log: RunLog, now: number): void {
  const lines = sections.flatMap((section) => section.lines);
  if (sections.length > 1) lines.sort((a, b) => a.place - b.place);
  for (const { stream, text, time } of lines) log.add(stream, text, time, now);
  if (sections.some(({ cut }) => cut)) log.truncate(now);
}
