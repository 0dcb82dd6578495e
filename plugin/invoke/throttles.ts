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
 * OW-43: what each namespace may ask for, and one bound on everything that is accepted and not yet answered, which
 * namespaces share so that none fills it alone.
 */
export class Throttles {
  readonly #namespaces = new Map<string, Usage>();
  readonly #share: FairShare;
  #total = 0;

  readonly #limits: ThrottleSettings;
  /** By a clock that nobody sets, in ms. */
  readonly #now: () => number;

  constructor(limits: ThrottleSettings, now: () => number) {
    this.#limits = limits;
    this.#now = now;

    this.#share = new FairShare(limits.queuedActivations);
  }

  /** Counts a call in the minute that goes on; a refused one counts too. Throws 429. */
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

  /** An activation of the namespace is accepted, if there is still room now that its request has been read. Throws 429. */
  start(namespace: string): void {
    const usage = this.#usageOf(namespace);
    this.#checkRoom(usage);
    usage.inFlight++;
    this.#total++;
  }

  /** It was answered. */
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
