import { extname } from 'node:path';
import { graph as completeGraph, isGraphForm, type WrittenGraph } from '@dataflower/composer';
import { compileComposition } from '@dataflower/composer/compiler';
import { readText } from '@dataflower/composer/files';
import { type Graph, graphDigest } from '@dataflower/composer/graph';
import { composeFile } from './compose-file.js';
import { CommandError, messageOf, type Terminal } from './outcome.js';

/** A workflow from a file: a graph, or a composition with the output of Composer's `compose`. */
export type WorkflowFile =
  | { readonly type: 'graph'; readonly graph: Graph; readonly digest: string }
  | { readonly type: 'composition'; readonly graph: Graph; readonly digest: string; readonly composed: object };

/** Reads a composition (`.js`, or the `.json` of `compose`) or a graph (`.graph.json`, or a `.js` that exports one). */
export async function readWorkflow(file: string, terminal: Terminal): Promise<WorkflowFile> {
  const extension = extname(file);
  if (extension !== '.js' && extension !== '.json') {
    throw new CommandError(`${file}: a workflow is a .js, .json or .graph.json file.`, 'COMMAND_USAGE');
  }
  const json = parse(file, extension === '.js' ? await compose(file, terminal) : readText(file));
  try {
    return file.endsWith('.graph.json') || isGraphForm(json) ? graphOf(json) : compositionOf(json);
  } catch (error) {
    throw new CommandError(`${file}: ${messageOf(error)}`, 'COMMAND_FAILED', { cause: error });
  }
}

function graphOf(json: unknown): WorkflowFile {
  const written = isGraphForm(json) ? json.graph : json;
  return { type: 'graph', ...completeGraph(written as WrittenGraph) };
}

function compositionOf(json: unknown): WorkflowFile {
  const { ast } = (typeof json === 'object' && json !== null ? json : {}) as { ast?: unknown };
  if (ast === undefined) throw new Error('is neither the output of "compose" (it has no "ast") nor named .graph.json');
  const graph = compileComposition(ast);
  return { type: 'composition', graph, digest: graphDigest(graph), composed: json as object };
}

async function compose(file: string, terminal: Terminal): Promise<string> {
  readText(file);
  try {
    return await composeFile(file, terminal);
  } catch (error) {
    throw new CommandError(`${file}: ${messageOf(error)}`, 'COMMAND_FAILED', { cause: error });
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CommandError(`${file} is not JSON: ${messageOf(error)}`, 'COMMAND_FAILED', { cause: error });
  }
}
