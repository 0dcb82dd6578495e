import { Router } from 'express';
import { ApiError, inOtherCollection, noSuchEntity } from '@dataflower/common/http';
import { isAction } from '../entities/action/document.js';
import { answering, type ApiContext, pathParameter } from './context.js';
import { checkEntityName, entitledNamespace } from '../entities/names.js';
import { pageParameters } from '../http/query.js';

/** Collections without entities in this version: listings are empty, and every entity is 404. */
const COLLECTIONS = ['packages', 'triggers', 'rules'];

/** OpenWhisk has no text for this. Its text for a missing entity would look like a mistake in the request. */
function notOffered(collection: string): ApiError {
  return new ApiError(404, `This server has no ${collection}: this version offers actions, sequences and workflows.`);
}

export function absentCollectionRoutes({ store }: ApiContext): Router {
  const router = Router({ caseSensitive: true });
  for (const collection of COLLECTIONS) {
    router.get(
      `/:namespace/${collection}`,
      answering((request, { caller, query }) => {
        entitledNamespace(caller, pathParameter(request, 'namespace'));
        return pageParameters(query, collection).count ? { [collection]: 0 } : [];
      }),
    );
    const one = answering(async (request, { caller }) => {
      const name = pathParameter(request, 'name');
      checkEntityName(name);
      const namespace = entitledNamespace(caller, pathParameter(request, 'namespace'), name);
      if (isAction(await store.get(`${namespace}/${name}`))) throw inOtherCollection();
      throw request.method === 'PUT' ? notOffered(collection) : noSuchEntity();
    });
    router.route(`/:namespace/${collection}/:name`).get(one).put(one).delete(one).post(one);
  }
  return router;
}
