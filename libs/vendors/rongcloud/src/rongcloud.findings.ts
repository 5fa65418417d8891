import type { FieldIssue } from '@bellhop/contracts';

/** What is wrong with a message, and what RongCloud may ignore of it. */
export class Findings {
  readonly issues: FieldIssue[] = [];
  readonly warnings: string[] = [];

  issue(field: string, message: string): void {
    this.issues.push({ field, message });
  }

  warn(message: string): void {
    this.warnings.push(message);
  }
}
