import type { RecordsReport } from '@dataflower/invoker-shim';
import type { HostReport, StatusReport } from '@dataflower/plugin/server';

/** Most containers listed individually; more are counted by state. */
const CONTAINERS_LISTED = 50;

/** The text of `dataflower status`. */
export function statusText(report: StatusReport): string {
  const { component, version, pid, url, uptimeSeconds, residentBytes, health, hosts, stores, records } = report;
  return [
    `DataFlower ${version}, ${component} at ${url}: process ${pid}, up ${seconds(uptimeSeconds)}, ${bytes(residentBytes)}`,
    health.status,
    ...health.reasons.map(({ check, reason }) => `  ${check}: ${reason}`),
    ...hosts.flatMap((host) => reasonsOf(host)),
    '',
    table(
      ['host', 'activations', 'queued', 'running', 'containers', 'sink'],
      hosts.map((host) =>
        'error' in host
          ? [host.id, `does not answer: ${host.error}`]
          : [
              host.id,
              String(host.status.activations),
              String(host.status.queued),
              String(host.status.executor.running),
              String(host.status.executor.containers.length),
              `${bytes(host.status.sink.residentBytes)} of ${bytes(host.status.sink.limitBytes)}`,
            ],
      ),
    ),
    ...hosts.flatMap((host) => containersOf(host)),
    '',
    ...Object.entries(stores).map(([what, where]) => `${what}: ${where}${what === 'records' ? waiting(records) : ''}`),
    ...hosts.flatMap((host) =>
      'status' in host && host.status.records !== undefined
        ? [`records of ${host.id}: in files there${waiting(host.status.records)}`]
        : [],
    ),
  ].join('\n');
}

/** Health problems of a host in a process of its own. */
function reasonsOf(host: HostReport): string[] {
  if ('error' in host) return [];
  return (host.status.health?.reasons ?? []).map(({ check, reason }) => `  ${check} of ${host.id}: ${reason}`);
}

/** Records that are not in the database yet; empty where there is no database. */
function waiting({ full, waitingRecords, waitingBytes = 0, lagMs = 0 }: RecordsReport): string {
  const refused = full ? '; they are full, new invocations are refused' : '';
  if (waitingRecords === undefined) return refused;
  const behind = waitingRecords === 0 ? '' : ` (${bytes(waitingBytes)}, ${seconds(lagMs / 1000)} behind)`;
  return `, ${waitingRecords} waiting to be carried${behind}${refused}`;
}

/** Empty for a host without containers, or without an answer. */
function containersOf(host: HostReport): string[] {
  if ('error' in host || host.status.executor.containers.length === 0) return [];
  const { containers } = host.status.executor;
  if (containers.length > CONTAINERS_LISTED) {
    const states = new Map<string, number>();
    for (const { state } of containers) states.set(state, (states.get(state) ?? 0) + 1);
    const rows = Array.from(states, ([state, number]) => [state, String(number)]);
    return ['', table([`containers of ${host.id}`, 'number'], rows)];
  }
  const sorted = [...containers].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const rows = sorted.map(({ id, key, state, runs, memoryMiB, idleMs }) => [
    id,
    key,
    state,
    String(runs),
    memoryMiB === undefined ? '' : `${memoryMiB} MiB`,
    idleMs === undefined ? '' : seconds(idleMs / 1000),
  ]);
  return ['', table([`container of ${host.id}`, 'action', 'state', 'runs', 'memory', 'idle'], rows)];
}

/** Aligns the first column and texts left, numbers right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) =>
    // The second of two cells is a sentence that spans the columns.
    Math.max(...all.filter((row) => row.length > 2).map((row) => row[column]?.length ?? 0), 0),
  );
  const isNumber = head.map((_, column) => rows.every((row) => row.length <= 2 || /^[\d.,]*$/.test(row[column] ?? '')));
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column]!;
          return isNumber[column] === true && column > 0 ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function bytes(number: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = number;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]!}`;
}

function seconds(number: number): string {
  const whole = Math.floor(number);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}
