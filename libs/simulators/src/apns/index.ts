export * from './behaviour.js';
export type { ApnsCounters, ApnsRequest } from './ledger.js';
export * from './relay.js';
export * from './simulator.js';
export { apnsTestCredentials, type ApnsCredentials } from './provider-token.js';
export type { ApnsControlRules } from './control-rules.js';
export type { ApnsScript } from './script.js';
