export { type NimSimulatorOptions, NimSimulator, startNimSimulator } from './simulator.js';
export type { NimControlRules } from './control-rules.js';
export type { NimCounters, NimPush, NimRequest } from './ledger.js';
export type { NimRefusal, NimScript, NimStep } from './script.js';
