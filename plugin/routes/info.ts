import type { GatewaySettings } from '../settings.js';
import { runtimesJson } from '../entities/action/kinds.js';
import { platformLimits } from '../entities/limits.js';

/** `GET /` (OW-1). */
export function platformInfo(config: GatewaySettings): object {
  return {
    description: 'OpenWhisk',
    support: { github: 'https://github.com/apache/openwhisk/issues', slack: 'https://openwhisk.slack.com' },
    api_paths: ['/api/v1'],
    limits: platformLimits(config),
    runtimes: runtimesJson(),
  };
}

/** `GET /api/v1` (OW-1). `dataflower deploy` recognizes this server by `build`. */
export function apiInfo(version: string): object {
  return {
    description: 'OpenWhisk API',
    api_version: '1.0.0',
    api_version_path: 'v1',
    build: `dataflower ${version}`,
    buildno: version,
    swagger_paths: { ui: '/docs', 'api-docs': '/api-docs' },
  };
}
