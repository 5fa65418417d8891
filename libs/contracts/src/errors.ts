/** A refusal that a caller may see. The message names the field and its shape, never a secret. */
export class AppError extends Error {
  constructor(
    /** Stable, dotted (`device.token_malformed`). */
    readonly code: string,
    /** HTTP status. */
    readonly status: number,
    message: string,
    readonly issues: readonly FieldIssue[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

export interface FieldIssue {
  /** JSON Pointer into the request body, or `?name` for a query parameter. */
  readonly field: string;
  readonly message: string;
}

/** An authentic callback that breaks the documented shape: kept in quarantine under `code`. */
export class MalformedPayloadError extends AppError {
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(code, 422, message, [], options);
  }
}

/** An authentic command that breaks a rule: answered as the vendor would, nothing is stored. */
export class CommandRejectedError extends AppError {
  constructor(code: string, message: string) {
    super(code, 422, message);
  }
}

/** An address that may not be called: a private network, a scheme or port that is not allowed. */
export class EgressRefusedError extends AppError {
  constructor(why: string) {
    super('egress.refused', 422, why);
  }
}

export class ConfigInvalidError extends AppError {
  constructor(issues: readonly FieldIssue[]) {
    super('config.invalid', 400, 'The configuration is not valid.', issues);
  }
}

export class NotFoundError extends AppError {
  constructor(what: string) {
    super('not_found', 404, `${what} was not found.`);
  }
}

export class ConflictError extends AppError {
  constructor(code: string, message: string) {
    super(code, 409, message);
  }
}

/** Well-formed and not acceptable: too many users, a token of the wrong shape, an unsupported field. */
export class UnprocessableError extends AppError {
  constructor(code: string, message: string, issues: readonly FieldIssue[] = []) {
    super(code, 422, message, issues);
  }
}

/** Too many calls; the same one may be made later. */
export class TooManyCallsError extends AppError {
  constructor(
    code: string,
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(code, 429, message);
  }
}

/** A plugin that breaks its own contract. */
export class ContractViolationError extends AppError {
  constructor(message: string, options?: ErrorOptions) {
    super('plugin.contract_violation', 500, message, [], options);
  }
}
