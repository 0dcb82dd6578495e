/** `drainMs`: time that running work has to end, in milliseconds. */
export type Close = (drainMs: number) => unknown;

interface Entry {
  readonly part: unknown;
  readonly close: Close;
}

/** Parts that are open. They are closed one after the other, the last one first; a part that fails to close stops none of the others. */
export class CloseStack {
  readonly #entries: Entry[] = [];
  #closing: Promise<void> | undefined;

  /**
   * Adds a part that was opened, and returns it.
   * @param closesAfter A part that was added before and is closed before this one, although it is older.
   */
  use<T>(part: T, close: (part: T, drainMs: number) => unknown, closesAfter?: unknown): T {
    const entry: Entry = { part, close: (drainMs) => close(part, drainMs) };
    if (closesAfter === undefined) {
      this.#entries.push(entry);
      return part;
    }
    const at = this.#entries.findIndex((other) => other.part === closesAfter);
    if (at < 0) throw new Error('The part that is to be closed before is not on the stack.');
    this.#entries.splice(at, 0, entry);
    return part;
  }

  /** Adds a step of closing that belongs to no part. */
  defer(step: Close): void {
    this.#entries.push({ part: undefined, close: step });
  }

  /** Closes all parts, once. Rejects with the error of the part that failed; with an `AggregateError` when several did. */
  close(drainMs: number): Promise<void> {
    return (this.#closing ??= this.#close(drainMs));
  }

  async #close(drainMs: number): Promise<void> {
    const failures: unknown[] = [];
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      try {
        await entry.close(drainMs);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
  }
}

/**
 * Opens something of several parts: when `open` fails, the parts that it has added to the stack are closed.
 * @param failed Told of a part that cannot be closed then; the returned promise rejects with the error of `open`.
 */
export async function openAll<T>(
  open: (parts: CloseStack) => Promise<T>,
  failed: (error: unknown) => void,
): Promise<T> {
  const parts = new CloseStack();
  try {
    return await open(parts);
  } catch (error) {
    await parts.close(0).catch(failed);
    throw error;
  }
}
