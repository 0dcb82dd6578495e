import { FairShare } from '@dataflower/common';
import { ApiError } from '@dataflower/common/http';
import type { ThrottleSettings } from '../settings.js';

interface Usage {
  minute: number;
  count: number;
  inFlight: number;
}

const MINUTE_MS = 60_000;

/**
 * OW-43: limits each namespace, and all accepted activations without an answer together. Namespaces share that second limit,
 * so that none can use it up alone.
 */
export class Throttles {
  readonly #namespaces = new Map<string, Usage>();
  readonly #share: FairShare;
  #total = 0;

  readonly #limits: ThrottleSettings;
  /** A monotonic clock, in ms. */
  readonly #now: () => number;

  constructor(limits: ThrottleSettings, now: () => number) {
    this.#limits = limits;
    this.#now = now;

    this.#share = new FairShare(limits.queuedActivations);
  }

  /** Counts a call in the current minute, also a refused one. Throws `ApiError` 429. */
  countCall(namespace: string): void {
    const usage = this.#usageOf(namespace);
    const minute = Math.floor(this.#now() / MINUTE_MS);
    if (usage.minute !== minute) {
      usage.minute = minute;
      usage.count = 0;
    }
    usage.count++;
    const allowed = this.#limits.invocationsPerMinute;
    if (usage.count > allowed) {
      throw new ApiError(429, `Too many requests in the last minute (count: ${usage.count}, allowed: ${allowed}).`);
    }
    this.#checkRoom(usage);
  }

  /** Counts an accepted activation. Throws `ApiError` 429 if the limit was reached while the request was read. */
  start(namespace: string): void {
    const usage = this.#usageOf(namespace);
    this.#checkRoom(usage);
    usage.inFlight++;
    this.#total++;
  }

  /** An accepted activation was answered. */
  ended(namespace: string): void {
    this.#usageOf(namespace).inFlight--;
    this.#total--;
  }

  #checkRoom({ inFlight }: Usage): void {
    const { concurrentInvocations, queuedActivations } = this.#limits;
    if (inFlight >= concurrentInvocations) throw tooManyInFlight(inFlight, concurrentInvocations);
    if (this.#total >= queuedActivations) throw new ApiError(429, 'Too many requests');
    if (inFlight === 0) return;
    const allowed = this.#share.mostBeside(this.#total - inFlight);
    if (inFlight >= allowed) throw tooManyInFlight(inFlight, allowed);
  }

  #usageOf(namespace: string): Usage {
    let usage = this.#namespaces.get(namespace);
    if (usage === undefined) {
      usage = { minute: -1, count: 0, inFlight: 0 };
      this.#namespaces.set(namespace, usage);
    }
    return usage;
  }
}

function tooManyInFlight(count: number, allowed: number): ApiError {
  return new ApiError(429, `Too many concurrent requests in flight (count: ${count}, allowed: ${allowed}).`);
}
