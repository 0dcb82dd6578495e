import { Router } from 'express';
import { answering, type ApiContext, pathParameter } from './context.js';
import { namespaceLimits } from '../entities/action/limits.js';
import { entitledNamespace } from '../entities/names.js';

/** The caller's namespace and its limits (OW-22). */
export function namespaceRoutes({ config }: ApiContext): Router {
  const router = Router({ caseSensitive: true });
  router.get(
    '/',
    answering((_request, { caller }) => [caller.namespace]),
  );
  router.get(
    '/:namespace/limits',
    answering((request, { caller }) => {
      entitledNamespace(caller, pathParameter(request, 'namespace'));
      return namespaceLimits(config);
    }),
  );
  return router;
}
