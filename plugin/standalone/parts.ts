import type { Config } from '../config/index.js';
import type { Parts } from './standalone.js';

export function openParts(_config: Config): Promise<Parts> {
  return Promise.reject(new Error('no host yet'));
}
