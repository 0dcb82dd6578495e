import type { ActionDocument } from '../entities/action/document.js';
import { CompiledWorkflows } from './compiled-workflows.js';
import { WorkflowCompiler } from './workflow-compiler.js';

class CountingCompiler extends WorkflowCompiler {
  compiled = 0;

  override composition(
    ...given: Parameters<WorkflowCompiler['composition']>
  ): ReturnType<WorkflowCompiler['composition']> {
    this.compiled++;
    return super.composition(...given);
  }
}

const code = `const composition = ${JSON.stringify({ type: 'action', name: '/_/b', path: '' })}\n\n// do not edit below this point`;

const composition = (rev: string, ast: object = { type: 'action', name: '/_/a' }): ActionDocument => ({
  _id: 'guest/c',
  _rev: rev,
  entityType: 'action',
  namespace: 'guest',
  name: 'c',
  updated: 0,
  exec: { kind: 'nodejs:20', binary: false },
  parameters: [],
  annotations: [
    { key: 'conductor', value: ast },
    { key: 'composerVersion', value: '0.12.0' },
  ],
  limits: { timeout: 1, memory: 1, logs: 1, concurrency: 1 },
  version: '0.0.1',
  publish: false,
});

let compiler: CountingCompiler;
let workflows: CompiledWorkflows;
let codeReads: number;
const read = (): Promise<string> => {
  codeReads++;
  return Promise.resolve(code);
};
beforeEach(() => {
  compiler = new CountingCompiler();
  workflows = new CompiledWorkflows(compiler);
  codeReads = 0;
});

test('each revision is compiled once, and equal graphs are one object', async () => {
  const first = await workflows.of(composition('1-a'), read);
  expect(await workflows.of(composition('1-a'), read)).toEqual(first);
  expect(compiler.compiled).toBe(1);
  const second = await workflows.of(composition('2-b'), read);
  expect(compiler.compiled).toBe(2);
  expect(second!.graph).toBe(first!.graph);
});

test('the code of a composition is read only when its annotation has an unknown combinator', async () => {
  expect(await workflows.of(composition('1-a'), read)).toMatchObject({ type: 'composition' });
  expect(codeReads).toBe(0);
  const lowered = await workflows.of(composition('2-b', { type: 'my.own' }), read);
  expect(lowered!.graph.nodes).toMatchObject([{ kind: 'action', action: '/_/b' }]);
  expect(codeReads).toBe(1);
});

test('an action without a workflow has none, and a workflow that cannot run is refused each time', async () => {
  expect(await workflows.of({ ...composition('1-a'), annotations: [] }, read)).toBeUndefined();
  const wrong = composition('2-b', { type: 'while' });
  for (let n = 0; n < 2; n++)
    await expect(workflows.of(wrong, () => Promise.resolve(undefined))).rejects.toMatchObject({ status: 400 });
});
