export * from './channel-suite.js';
export * from './cases.js';
export * from './context.js';
export * from './executed.js';
export * from './inbound-harness.js';
export * from './inbound-suite.js';
export * from './vectors.js';
