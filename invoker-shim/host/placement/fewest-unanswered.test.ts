import type { StartMessage } from '../host.js';
import { fewestUnanswered } from './fewest-unanswered.js';
import type { HostCandidate } from './placement.js';

const message = {} as StartMessage;
const load = { full: false, draining: false };

function host(id: string, unanswered: number, more: Partial<HostCandidate> = {}): HostCandidate {
  return { id, unanswered, reach: 'connected', load, ...more };
}

function chosen(...hosts: [HostCandidate, ...HostCandidate[]]): string {
  return fewestUnanswered.choose(message, hosts).id;
}

test('the host with the fewest unanswered activations runs the next one; among equals the first', () => {
  expect(chosen(host('a', 2), host('b', 1), host('c', 1))).toBe('b');
});

test.each([
  ['is lost', { reach: 'lost', load: undefined }],
  ['has full record files', { load: { ...load, full: true } }],
  ['is being stopped', { load: { ...load, draining: true } }],
  ['is being reconnected', { reach: 'reconnecting', load: undefined }],
] as const)('a host that %s gets nothing while another takes work', (_what, state) => {
  expect(chosen(host('a', 0, state), host('b', 500))).toBe('b');
});

test('a host that is being reconnected gets work when no other can', () => {
  const reconnecting = host('a', 3, { reach: 'reconnecting', load: undefined });
  expect(chosen(host('b', 0, { reach: 'lost', load: undefined }), reconnecting)).toBe('a');
});

test('when the record files of all hosts are full the refusal says so', () => {
  const full = { load: { ...load, full: true } };
  expect(() => chosen(host('a', 0, full), host('b', 0, full))).toThrow('The record files of the host a are full.');
});
