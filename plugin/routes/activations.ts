import { type RequestHandler, Router } from 'express';
import { ApiError, malformedQuery, noSuchEntity, sendJson } from '@dataflower/common/http';
import {
  type ActivationRecord,
  activationText,
  type RecordFilter,
  responseText,
  toActivationSummary,
} from '@dataflower/common/records';
import type { Caller } from '../auth/identity.js';
import { cancelActivation } from './cancel-activation.js';
import { answering, type ApiContext, JsonText, localsOf, pathParameter } from './context.js';
import { entitledNamespace, isEntityName } from '../entities/names.js';
import { jsonArray, StreamedJson } from '../http/streamed-json.js';
import { booleanParameter, MAX_LIST_LIMIT, pageParameters, type Query, wholeNumber } from '../http/query.js';

const COLLECTION = 'activations';
const ID_LENGTH = 32;

/** `N/activations` (OW-49, OW-50). */
export function activationRoutes({ records, host }: ApiContext): Router {
  const router = Router({ caseSensitive: true });

  const read = async (caller: Caller, namespace: string, id: string): Promise<ActivationRecord> => {
    checkId(id);
    const record = await records.get(entitledNamespace(caller, namespace, id), id);
    if (record === undefined) throw noSuchEntity();
    return record;
  };

  const one = (path: string, show: (record: ActivationRecord) => string): void => {
    const route = answering(async (request, { caller }) => {
      return new JsonText(show(await read(caller, pathParameter(request, 'namespace'), pathParameter(request, 'id'))));
    });
    router.get(`/:namespace/activations/:id${path}`, route);
  };

  const cancel: RequestHandler = async (request, response) => {
    const { caller, query, transactionId } = localsOf(response);
    const id = pathParameter(request, 'id');
    checkId(id);
    const namespace = entitledNamespace(caller, pathParameter(request, 'namespace'), id);
    const cancelled = await cancelActivation(host, records, namespace, id, query);
    sendJson(response, 202, transactionId, JSON.stringify(cancelled), ['x-openwhisk-activation-id', id]);
  };

  /** Reads each record when the previous one is being sent; records removed since the listing are left out. */
  async function* inFull(page: readonly ActivationRecord[]): AsyncGenerator<string> {
    for (const { namespace, activationId } of page) {
      const record = await records.get(namespace, activationId);
      if (record !== undefined) yield activationText(record);
    }
  }

  const list = answering(async (request, { caller, query }) => {
    const namespace = entitledNamespace(caller, pathParameter(request, 'namespace'));
    const { skip, limit, count } = pageParameters(query, COLLECTION);
    const docs = booleanParameter(query, 'docs', false);
    if (count && docs) throw new ApiError(400, "The parameter 'docs' is not permitted with 'count'.");
    const filter = filterOf(namespace, query);
    if (count) return { [COLLECTION]: await records.count(filter, skip) };
    // A store may scan everything for a page beyond the end.
    if (skip > MAX_LIST_LIMIT && (await records.count(filter, skip)) === 0) return [];
    const page = await records.list(filter, skip, limit, true);
    return docs ? new StreamedJson(jsonArray(inFull(page))) : page.map(toActivationSummary);
  });

  router.get('/:namespace/activations', list);
  router.delete('/:namespace/activations/:id', cancel);
  one('', activationText);
  one('/result', responseText);
  one('/logs', (record) => JSON.stringify({ logs: record.logs }));
  return router;
}

function checkId(id: string): void {
  if (id.length !== ID_LENGTH)
    throw new ApiError(400, `Activation id length is ${id.length} but must be ${ID_LENGTH}.`);
  if (!/^[0-9a-f]+$/.test(id)) throw new ApiError(400, 'The activation id is not valid.');
}

function filterOf(namespace: string, query: Query): RecordFilter {
  const name = query.get('name');
  if (name !== null && name !== '') {
    const parts = name.split('/');
    if (parts.length > 2 || !parts.every(isEntityName)) {
      throw malformedQuery('name', `Parameter may be a 'simple' name or 'package-name/simple' name: ${name}`);
    }
  }
  const since = time(query, 'since');
  const upto = time(query, 'upto');
  return {
    namespace,
    ...(name === null || name === '' ? {} : { name }),
    ...(since === undefined ? {} : { since }),
    ...(upto === undefined ? {} : { upto }),
  };
}

function time(query: Query, parameter: string): number | undefined {
  const text = query.get(parameter);
  if (text === null) return undefined;
  const value = wholeNumber(text, 64);
  if (value === undefined) throw malformedQuery(parameter, `Parameter is not a valid value for epoch seconds: ${text}`);
  return Number(value);
}
