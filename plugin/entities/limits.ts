import { ApiError, malformed } from '@dataflower/common/http';
import type { GatewaySettings, LimitSettings as Limits } from '../settings.js';
import type { ActionLimits } from './action/document.js';

type Field = keyof ActionLimits;

interface Range {
  readonly min: number;
  readonly max: number;
}

/** OW-30: OpenWhisk's terms and units of each limit, in the order of its checks. */
const FIELDS: readonly {
  readonly field: Field;
  readonly key: 'timeoutMs' | 'memoryMiB' | 'logsMiB' | 'concurrency';
  /** Name in error texts about a value of the wrong type. */
  readonly name: string;
  readonly label: string;
  readonly unit: string;
}[] = [
  { field: 'memory', key: 'memoryMiB', name: 'memory', label: 'memory size', unit: ' MB' },
  { field: 'timeout', key: 'timeoutMs', name: 'time', label: 'duration', unit: ' milliseconds' },
  { field: 'logs', key: 'logsMiB', name: 'log', label: 'log size', unit: ' MB' },
  { field: 'concurrency', key: 'concurrency', name: 'concurrency', label: 'concurrency', unit: '' },
];

export function defaultLimits(limits: Limits): ActionLimits {
  return {
    timeout: limits.timeoutMs.default,
    memory: limits.memoryMiB.default,
    logs: limits.logsMiB.default,
    concurrency: limits.concurrency.default,
  };
}

/** Reads the limits of a PUT (OW-30). Throws `ApiError` 400: for a wrong type first, then for a value out of range. */
export function readLimits(value: unknown, limits: Limits): Partial<ActionLimits> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed("Object expected in field 'timeout'");
  const asked: Partial<Record<Field, number>> = {};
  for (const { field, name } of FIELDS) {
    const given = (value as Partial<Record<Field, unknown>>)[field];
    if (given !== undefined && given !== null) asked[field] = wholeLimit(given, name);
  }
  for (const { field, key, label, unit } of FIELDS) checkRange(asked[field], limits[key], label, unit);
  return asked;
}

function wholeLimit(given: unknown, name: string): number {
  if (typeof given !== 'number') throw malformed(`${name} limit malformed`);
  if (!Number.isInteger(given)) throw malformed(`requirement failed: ${name} limit must be whole number`);
  return given;
}

function checkRange(asked: number | undefined, { min, max }: Range, label: string, unit: string): void {
  if (asked === undefined || (asked >= min && asked <= max)) return;
  const is = asked > max ? `exceeds allowed threshold of ${max}` : `below allowed threshold of ${min}`;
  throw new ApiError(400, `requirement failed: ${label} ${asked}${unit} ${is}${unit}`);
}

/** OW-22: the limits of a namespace, by OpenWhisk's names. */
export function namespaceLimits({ limits, throttles }: Pick<GatewaySettings, 'limits' | 'throttles'>): object {
  return {
    invocationsPerMinute: throttles.invocationsPerMinute,
    concurrentInvocations: throttles.concurrentInvocations,
    firesPerMinute: throttles.firesPerMinute,
    minActionMemory: limits.memoryMiB.min,
    maxActionMemory: limits.memoryMiB.max,
    minActionLogs: limits.logsMiB.min,
    maxActionLogs: limits.logsMiB.max,
    minActionTimeout: limits.timeoutMs.min,
    maxActionTimeout: limits.timeoutMs.max,
    minActionConcurrency: limits.concurrency.min,
    maxActionConcurrency: limits.concurrency.max,
    maxParameterSize: `${limits.parametersBytes} B`,
    maxActionInstances: throttles.concurrentInvocations,
  };
}

const MIB = 1024 * 1024;

/** `limits` of `GET /` (OW-1). */
export function platformLimits({ limits, throttles }: Pick<GatewaySettings, 'limits' | 'throttles'>): object {
  const { timeoutMs, memoryMiB, logsMiB } = limits;
  return {
    actions_per_minute: throttles.invocationsPerMinute,
    triggers_per_minute: throttles.firesPerMinute,
    concurrent_actions: throttles.concurrentInvocations,
    sequence_length: limits.sequenceLength,
    ...bounds('action_duration', timeoutMs, 1),
    ...bounds('action_memory', memoryMiB, MIB),
    ...bounds('action_logs', logsMiB, MIB),
  };
}

function bounds(name: string, { min, max }: Range, unit: number): object {
  return {
    [`default_min_${name}`]: min * unit,
    [`default_max_${name}`]: max * unit,
    [`min_${name}`]: min * unit,
    [`max_${name}`]: max * unit,
  };
}
