export * from './senders/callback.js';
