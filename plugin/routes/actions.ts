import { Router } from 'express';
import { ApiError, inOtherCollection, noSuchEntity } from '@dataflower/common/http';
import type { Caller } from '../auth/identity.js';
import { ConflictError, type StoredDocument } from '../stores/entity-store.js';
import { withCode } from '../entities/action/code.js';
import { actionSummary, fullAction, streamedAction } from '../entities/action/json.js';
import { type ActionDocument, isAction } from '../entities/action/document.js';
import { isLargeEntity } from '../entities/bodies/body-threads.js';
import { parseEntity } from '../entities/bodies/body-work.js';
import { answering, type ApiContext, bodyObject, pathParameter } from './context.js';
import { checkEntityName, entitledNamespace, whyNotHere } from '../entities/names.js';
import { putAction } from './put-action.js';
import { jsonArray, StreamedJson } from '../http/streamed-json.js';
import { booleanParameter, MAX_LIST_LIMIT, pageParameters } from '../http/query.js';

const COLLECTION = 'actions';

async function* summaries(documents: AsyncIterable<StoredDocument>): AsyncGenerator<string> {
  for await (const document of documents) if (isAction(document)) yield JSON.stringify(actionSummary(document));
}

/** `N/actions` (OW-23 to OW-34), but not invocations: the server hands them to `InvokeRoute` before the router. */
export function actionRoutes(context: ApiContext): Router {
  const { store, config, bodies, bodyThreads, compiler, now } = context;
  const router = Router({ strict: true, caseSensitive: true });

  const list = answering(async (request, { caller, query }) => {
    const namespace = entitledNamespace(caller, pathParameter(request, 'namespace'));
    const { skip, limit, count } = pageParameters(query, COLLECTION);
    if (count) return { [COLLECTION]: await store.count({ type: 'action', namespace, skip }) };
    // A store may scan everything for a page beyond the end.
    if (skip > MAX_LIST_LIMIT && (await store.count({ type: 'action', namespace, skip })) === 0) return [];
    return new StreamedJson(jsonArray(summaries(store.each({ type: 'action', namespace, skip, limit }))));
  });

  const nameOf = (caller: Caller, namespace: string, name: string): string => {
    checkEntityName(name);
    return `${entitledNamespace(caller, namespace, name)}/${name}`;
  };

  const read = async (id: string): Promise<ActionDocument> => {
    const document = await store.get(id);
    if (document === undefined) throw noSuchEntity();
    if (!isAction(document)) throw inOtherCollection();
    return document;
  };

  router.get(['/:namespace/actions', '/:namespace/actions/'], list);

  router
    .route('/:namespace/actions/:name')
    .get(
      answering(async (request, { caller, query }) => {
        const id = nameOf(caller, pathParameter(request, 'namespace'), pathParameter(request, 'name'));
        if (!booleanParameter(query, 'code', true)) return fullAction(await read(id), undefined);
        const { document, code } = await withCode(() => read(id), store);
        return streamedAction(document, code);
      }),
    )
    .put(
      answering(async (request, { caller, query }) => {
        const name = pathParameter(request, 'name');
        nameOf(caller, pathParameter(request, 'namespace'), name);
        const overwrite = booleanParameter(query, 'overwrite', false);
        const terms = { maxBytes: config.server.maxBodyBytes, budget: bodies, owner: caller.namespace };
        const body = await bodyObject(request, request.res!, terms, (bytes) =>
          isLargeEntity(bytes) ? bodyThreads.entity(bytes, config.limits.parametersBytes) : parseEntity(bytes),
        );
        const { document, code } = await putAction(caller, name, body, overwrite, {
          store,
          limits: config.limits,
          allowedImages: config.containers.images.allowed,
          compiler,
          now,
        });
        return streamedAction(document, code);
      }),
    )
    .delete(
      answering(async (request, { caller }) => {
        const id = nameOf(caller, pathParameter(request, 'namespace'), pathParameter(request, 'name'));
        const { document, code } = await withCode(() => read(id), store);
        try {
          await store.delete(document._id, document._rev!);
        } catch (cause) {
          if (cause instanceof ConflictError)
            throw new ApiError(409, 'Concurrent modification to resource detected.', { cause });
          throw cause;
        }
        return streamedAction(document, code);
      }),
    );

  // This version has no packages, so an action in one does not exist.
  const packaged = answering(async (request, { caller }) => {
    const name = pathParameter(request, 'name');
    const packageName = pathParameter(request, 'package');
    const path = name === '' ? packageName : `${packageName}/${name}`;
    for (const part of path.split('/')) checkEntityName(part);
    const namespace = entitledNamespace(caller, pathParameter(request, 'namespace'), path);
    throw await whyNotHere(`${namespace}/${packageName}`, store);
  });
  router.get('/:namespace/actions/:package/', packaged);
  router.route('/:namespace/actions/:package/:name').get(packaged).put(packaged).delete(packaged);

  return router;
}
