import { ThreadsBusyError, WorkThreads, WorkTimeoutError } from '@dataflower/common';
import { ApiError, overloaded } from '@dataflower/common/http';
import type { BodyResult, BodyWork } from './body-work.js';
import { LargeCode } from '../action/code.js';

/** A smaller body is read on the event loop: that takes some milliseconds at most. */
const SMALL_BYTES = 128 * 1024;
/** A payload with fewer values is read there too, however long its texts are. */
const FEW_VALUES = 20_000;
/** Large bodies are read one at a time. */
const MAX_THREADS = 1;
const MAX_WAITING = 64;
const THREAD_HEAP_MIB = 1024;
const TIME_LIMIT_MS = 30_000;

const NEVER = new AbortController().signal;

/** Reads large request bodies in threads: JSON of a few megabytes can hold the event loop for seconds. */
export class BodyThreads {
  readonly #threads = new WorkThreads<BodyWork, BodyResult>({
    script: new URL('./body-thread.js', import.meta.url),
    maxThreads: MAX_THREADS,
    maxWaiting: MAX_WAITING,
    heapMiB: THREAD_HEAP_MIB,
    timeLimitMs: TIME_LIMIT_MS,
  });

  /** The body of an entity as an object; `exec.code` is a `LargeCode` when it is large. Throws `ApiError`. */
  async entity(bytes: Buffer, parametersBytes: number): Promise<Record<string, unknown>> {
    const result = await this.#run({ type: 'entity', bytes, parametersBytes });
    if (result.type !== 'entity') throw new Error(`A thread read an entity as ${result.type}.`);
    const body = JSON.parse(result.rest) as Record<string, unknown>;
    const { code } = result;
    if (code !== undefined) (body.exec as { code?: unknown }).code = new LargeCode(bufferOf(code.bytes), code.binary);
    return body;
  }

  /** The payload of an action: the body, completed by `defaults`. Throws `ApiError`. */
  async payload(
    bytes: Buffer,
    finalKeys: readonly string[],
    defaults: Readonly<Record<string, unknown>> | undefined,
  ): Promise<Buffer> {
    const text = defaults === undefined ? undefined : JSON.stringify(defaults);
    const result = await this.#run({ type: 'payload', bytes, finalKeys, defaults: text });
    if (result.type !== 'payload') throw new Error(`A thread read a payload as ${result.type}.`);
    return bufferOf(result.bytes);
  }

  async #run(work: BodyWork): Promise<BodyResult> {
    const { buffer, byteLength } = work.bytes;
    // Transferring a slice of a shared buffer would take its other slices along.
    const transfer = byteLength === buffer.byteLength ? [buffer as ArrayBuffer] : [];
    const result = await this.#threads.run(work, NEVER, transfer).catch((error: unknown) => {
      if (error instanceof ThreadsBusyError || error instanceof WorkTimeoutError) throw overloaded(error);
      if ((error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY') throw tooManyValues(error);
      throw error;
    });
    if (result.type === 'refused') throw new ApiError(result.status, result.text);
    return result;
  }
}

/** True for the body of an entity that a thread should read. */
export function isLargeEntity(body: Buffer): boolean {
  return body.length >= SMALL_BYTES;
}

/** True for a payload that a thread should read: the number of values determines how long reading takes. */
export function isLargePayload(body: Buffer): boolean {
  if (body.length < SMALL_BYTES) return false;
  let values = 0;
  for (let at = 0; at < body.length && values < FEW_VALUES; at++) {
    const byte = body[at];
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values++;
  }
  return values >= FEW_VALUES;
}

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function tooManyValues(cause: unknown): ApiError {
  return new ApiError(413, 'The request content has more values than the server is willing or able to process.', {
    cause,
  });
}
