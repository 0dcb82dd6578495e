import { request as send, Agent } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import type { ProbedPauses } from './prober.js';

/** Between an answer and the next question, in milliseconds. */
const EVERY_MS = 1;
/** Length of a pause in which the server does not answer at all. */
const LOST_MS = 600_000;

const { hostname, port } = new URL(workerData as string);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const path = '/health/live';
let longestMs = 0;
let answers = 0;
let askedAt: number | undefined;

function ask(): void {
  askedAt = performance.now();
  const request = send({ hostname, port, path, agent, setHost: true }, (response) => {
    response.resume();
    response.once('end', () => {
      longestMs = Math.max(longestMs, performance.now() - askedAt!);
      answers++;
      askedAt = undefined;
      setTimeout(ask, EVERY_MS);
    });
  });
  request.once('error', () => {
    longestMs = LOST_MS;
  });
  request.end();
}

parentPort!.on('message', () => {
  // An open question counts with its time so far.
  const waited = askedAt === undefined ? 0 : performance.now() - askedAt;
  parentPort!.postMessage({ longestMs: Math.max(longestMs, waited), answers } satisfies ProbedPauses);
  longestMs = 0;
  answers = 0;
});
ask();
