export { FcmSimulator, type FcmSimulatorOptions, startFcmSimulator } from './fcm-simulator.js';
export { fcmTestServiceAccount, type FcmServiceAccount } from './service-account.js';
export { fcmInstallationId, fcmToken } from './vocabulary.js';
export type { FcmControlRules } from './control-rules.js';
export type { FcmCounters, FcmRequest } from './ledger.js';
export type { FcmScript, FcmStep } from './script.js';
