export { RongCloudSimulator, type RongCloudSimulatorOptions, startRongCloudSimulator } from './simulator.js';
export { rongCloudUserId, type RongCloudAnswer, type RongCloudStep } from './vocabulary.js';
export type * from './commands.js';
export type { RongCloudControlRules } from './control-rules.js';
export type { RongCloudDevice } from './directory.js';
export type { RongCloudArrival, RongCloudCounters, RongCloudPush, RongCloudRequest } from './ledger.js';
