import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

type Methods = Readonly<Record<string, (argument: never) => unknown>>;

/** The side of the child: answers the calls of {@link Worker.call} and ends with its parent. */
export function serve(methods: Methods): void {
  process.on('message', ({ id, method, argument }: Call) => {
    const work = async (): Promise<unknown> => methods[method]?.(argument as never);
    work().then(
      (result) => process.send?.({ id, result }),
      (error: Error) => process.send?.({ id, error: error.stack ?? error.message }),
    );
  });
  process.once('disconnect', () => process.exit(0));
}

/** A part of the benchmark in a process of its own. */
export class Worker {
  private readonly open = new Map<number, PromiseWithResolvers<unknown>>();
  private calls = 0;

  private constructor(private readonly child: ChildProcess) {
    child.on('message', ({ id, result, error }: Reply) => {
      const call = this.open.get(id);
      this.open.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
    child.on('exit', (code) => {
      for (const call of this.open.values()) call.reject(new Error(`A process of the benchmark ended with ${code}.`));
    });
  }

  /** @param module for example `new URL('./load.js', import.meta.url)`. */
  static start(module: URL): Worker {
    return new Worker(fork(module, { serialization: 'advanced' }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  call<T>(method: string, argument?: unknown): Promise<T> {
    const id = ++this.calls;
    const call = Promise.withResolvers<unknown>();
    this.open.set(id, call);
    this.child.send({ id, method, argument } satisfies Call);
    return call.promise as Promise<T>;
  }

  async stop(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.disconnect();
    await gone;
  }
}
