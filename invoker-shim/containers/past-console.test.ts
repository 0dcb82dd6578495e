import { defaultDriver } from './container-executor.js';
import { pastConsoleContract } from './testing/past-console-contract.js';

describe('output past the console of child processes', () => pastConsoleContract(defaultDriver));
