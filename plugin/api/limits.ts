import type { Config } from '../config/index.js';
import type { ActionLimits } from './action-document.js';
import { malformed } from './api-error.js';

type Limits = Config['limits'];
type Field = keyof ActionLimits;

/** OW-30: OpenWhisk's words and units of each limit. */
const FIELDS: readonly {
  readonly field: Field;
  readonly key: 'timeoutMs' | 'memoryMiB' | 'logsMiB' | 'concurrency';
  readonly label: string;
  readonly unit: string;
}[] = [
  { field: 'timeout', key: 'timeoutMs', label: 'duration', unit: ' milliseconds' },
  { field: 'memory', key: 'memoryMiB', label: 'memory size', unit: ' MB' },
  { field: 'logs', key: 'logsMiB', label: 'log size', unit: ' MB' },
  { field: 'concurrency', key: 'concurrency', label: 'concurrency', unit: '' },
];

export function defaultLimits(limits: Limits): ActionLimits {
  return {
    timeout: limits.timeoutMs.default,
    memory: limits.memoryMiB.default,
    logs: limits.logsMiB.default,
    concurrency: limits.concurrency.default,
  };
}

/** What a PUT asks for, field by field over `base` (OW-25); refuses what is out of range. */
export function readLimits(value: unknown, base: ActionLimits, limits: Limits): ActionLimits {
  if (value === undefined || value === null) return base;
  if (typeof value !== 'object' || Array.isArray(value)) throw malformed('limits malformed!');
  const merged: Record<Field, number> = { ...base };
  for (const { field, key, label, unit } of FIELDS) {
    const asked = (value as Partial<Record<Field, unknown>>)[field];
    if (asked === undefined || asked === null) continue;
    if (typeof asked !== 'number' || !Number.isInteger(asked))
      throw malformed(
        `requirement failed: ${field === 'timeout' ? 'time' : field === 'logs' ? 'log' : field} limit must be whole number`,
      );
    const { min, max } = limits[key];
    if (asked > max)
      throw malformed(`requirement failed: ${label} ${asked}${unit} exceeds allowed threshold of ${max}${unit}`);
    if (asked < min)
      throw malformed(`requirement failed: ${label} ${asked}${unit} below allowed threshold of ${min}${unit}`);
    merged[field] = asked;
  }
  return merged;
}

/** OW-22: the limits of a namespace, by OpenWhisk's names. */
export function namespaceLimits({ limits, throttles }: Pick<Config, 'limits' | 'throttles'>): object {
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
export function platformLimits({ limits, throttles }: Pick<Config, 'limits' | 'throttles'>): object {
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

function bounds(name: string, { min, max }: { readonly min: number; readonly max: number }, unit: number): object {
  return {
    [`default_min_${name}`]: min * unit,
    [`default_max_${name}`]: max * unit,
    [`min_${name}`]: min * unit,
    [`max_${name}`]: max * unit,
  };
}
