import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clientOptions } from './settings.js';

const folder = mkdtempSync(join(tmpdir(), 'composer-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'wskprops');
writeFileSync(file, 'APIHOST=file\nAUTH=file:key\nAPIVERSION=v2\nBAD=a=b\nNAMESPACE=\nAPIGW_ACCESS_TOKEN=token\n');
const fromFile = { WSK_CONFIG_FILE: file };

test('the property file says what nothing else says', () => {
  expect(clientOptions({}, undefined, fromFile)).toMatchObject({
    apihost: 'file',
    api_key: 'file:key',
    apiversion: 'v2',
    namespace: '_',
    auth_handler: undefined,
  });
});

test('the environment goes before the file, a flag before both', () => {
  const env = { ...fromFile, __OW_API_HOST: 'env', __OW_API_KEY: 'env:key' };
  expect(clientOptions({ apihost: 'flag' }, undefined, env)).toMatchObject({ apihost: 'flag', api_key: 'env:key' });
});

test('comments, white space and a slash at the end of the address do not count', () => {
  const path = join(folder, 'edited');
  writeFileSync(path, '# mine = here\r\nAPIHOST = http://host:1/ # local\r\n AUTH\t= a:b\r\n');
  expect(clientOptions({}, undefined, { WSK_CONFIG_FILE: path })).toMatchObject({
    apihost: 'http://host:1',
    api_key: 'a:b',
  });
  expect(clientOptions({ apihost: 'http://flag//' }, undefined, { WSK_CONFIG_FILE: path }).apihost).toBe('http://flag');
});

test('a property file that cannot be read is named', () => {
  expect(() => clientOptions({}, undefined, { WSK_CONFIG_FILE: folder })).toThrow(
    `${folder} cannot be read (EISDIR: it is a directory, a file is needed).`,
  );
});

test('without a file there is the environment', () => {
  const env = { WSK_CONFIG_FILE: join(folder, 'none'), __OW_API_HOST: 'env' };
  expect(clientOptions({}, undefined, env)).toMatchObject({ apihost: 'env', api_key: undefined, namespace: '_' });
});

test('a namespace of its own asks for the token, unless the key is forced', async () => {
  const env = { ...fromFile, __OW_NAMESPACE: 'mine' };
  expect(await clientOptions({}, undefined, env).auth_handler!.getAuthHeader()).toBe('Bearer token');
  expect(clientOptions({}, 'basic', env).auth_handler).toBeUndefined();
  expect(await clientOptions({}, 'bearer', fromFile).auth_handler!.getAuthHeader()).toBe('Bearer token');
});
