import type { HttpConnection } from './http-client.js';

/**
 * Sends requests at a fixed rate, whether the earlier ones are answered or not, and gives their response times in
 * microseconds. A time counts from when the request was due, so that one that had to wait for a connection, or for this
 * process, is not shorter for it. Rejects when one is not answered with 200.
 */
export function openLoop(
  connections: readonly HttpConnection[],
  request: Buffer,
  perSecond: number,
  durationMs: number,
): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const free = [...connections];
    const due: number[] = [];
    const times: number[] = [];
    const count = Math.round((perSecond * durationMs) / 1000);
    const began = performance.now();
    let planned = 0;
    const dispatch = (): void => {
      while (due.length > 0 && free.length > 0) send(free.shift()!, due.shift()!);
    };
    const send = (connection: HttpConnection, at: number): void => {
      const onReply = (status: number, body: Buffer): void => {
        times.push((performance.now() - at) * 1000);
        if (status !== 200) {
          reject(new Error(`The server answered ${status}: ${body.toString('utf8', 0, 500)}`));
          return;
        }
        free.push(connection);
        if (times.length === count) resolve(times);
        else dispatch();
      };
      connection.send(request, onReply, reject);
    };
    const tick = (): void => {
      const now = performance.now();
      for (; planned < count; planned++) {
        const at = began + (planned / perSecond) * 1000;
        if (at > now) break;
        due.push(at);
      }
      dispatch();
      if (planned < count) setTimeout(tick, Math.max(0, began + (planned / perSecond) * 1000 - performance.now()));
    };
    tick();
  });
}
