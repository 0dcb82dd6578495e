import { quoted } from '@dataflower/common/records';
import type { StartMessage } from '../host.js';
import { HostLinkError } from '../wire/errors.js';

const PARADIGMS = ['dataflow', 'controlflow'] as const;

/**
 * The head of START: everything but the payload, which is the body. `target` is the number under which the target was sent,
 * `now` the clock's. The age of the request is sent, since two processes share no clock. `lasts` is 1 when the gateway wants
 * to be told when the activation ends, 0 when its answer is enough.
 */
export function startHead(number: number, target: number, message: StartMessage, now: number): string {
  const { activationId, transactionId, identity, receivedAt, received, workflowTimeoutMs, paradigm, traceparent } =
    message;
  return (
    `[${number},${target},${quoted(activationId)},${quoted(transactionId)},` +
    `${quoted(identity.namespace)},${quoted(identity.subject)},${receivedAt},${now - received},` +
    `${workflowTimeoutMs ?? 'null'},${PARADIGMS.indexOf(paradigm)},${message.ended === undefined ? 0 : 1}` +
    (traceparent === undefined ? ']' : `,${quoted(traceparent)}]`)
  );
}

type Head = [
  number: number,
  target: number,
  activationId: string,
  transactionId: string,
  namespace: string,
  subject: string,
  receivedAt: number,
  ageMs: number,
  workflowTimeoutMs: number | null,
  paradigm: number,
  lasts: 0 | 1,
  traceparent?: string,
];

/** The reverse of `startHead`. Throws `HostLinkError` PROTOCOL for a target that was not sent. */
export function readStart(
  head: string,
  body: Buffer,
  now: number,
  targetOf: (number: number) => StartMessage['target'] | undefined,
): { readonly number: number; readonly lasts: boolean; readonly message: StartMessage } {
  const fields = JSON.parse(head) as Head;
  const [
    number,
    target,
    activationId,
    transactionId,
    namespace,
    subject,
    receivedAt,
    ageMs,
    workflowTimeoutMs,
    paradigm,
    lasts,
    trace,
  ] = fields;
  const found = targetOf(target);
  if (found === undefined || !/^[0-9a-f]{32}$/.test(activationId)) {
    throw new HostLinkError('PROTOCOL', 'a start with an unknown target or a wrong activation id');
  }
  const message: StartMessage = {
    activationId,
    transactionId,
    identity: { namespace, subject },
    target: found,
    // A copy: the frame's bytes are not ours.
    payload: Buffer.from(body),
    receivedAt,
    received: now - ageMs,
    paradigm: PARADIGMS[paradigm] ?? 'dataflow',
    ...(workflowTimeoutMs === null ? {} : { workflowTimeoutMs }),
    ...(trace === undefined ? {} : { traceparent: trace }),
  };
  return { number, lasts: lasts === 1, message };
}
