export { createServerInTurn } from './requests-in-turn.js';
export { Turns } from './turns.js';
