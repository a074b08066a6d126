import type { Runner } from '../../pool/pool.ts'

/** What a job of the suite does. */
export type ConformanceJob =
  | { readonly do: 'echo'; readonly value: unknown }
  | { readonly do: 'later'; readonly milliseconds: number }
  | { readonly do: 'until-aborted' }
  | { readonly do: 'ignore-abort' }
  | { readonly do: 'spin' }
  | { readonly do: 'exit'; readonly code: number }
  | { readonly do: 'pid' }
  | { readonly do: 'count' }
  | { readonly do: 'reject' }
  | { readonly do: 'throw' }

let count = 0

/** The runner of the pool suite: does what the job says. */
export function createRunner(init: unknown): Promise<Runner> {
  if (typeof init !== 'object' || init === null || !('greeting' in init)) {
    return Promise.reject(new Error('the runner got no init data'))
  }
  return Promise.resolve({
    run: (data, context) => perform(data as ConformanceJob, () => context.signal),
    close: () => Promise.resolve(),
  })
}

function perform(job: ConformanceJob, signal: () => AbortSignal): Promise<unknown> {
  switch (job.do) {
    case 'echo':
      return Promise.resolve(job.value)
    case 'pid':
      return Promise.resolve(process.pid)
    case 'count':
      count += 1
      return Promise.resolve(count)
    case 'later':
      return new Promise((resolve) => {
        if (job.milliseconds === 0) setImmediate(resolve)
        else setTimeout(resolve, job.milliseconds)
      })
    case 'until-aborted':
      return new Promise((resolve) => {
        const aborted = signal()
        aborted.addEventListener('abort', () => resolve(aborted.reason), { once: true })
        if (aborted.aborted) resolve(aborted.reason)
      })
    case 'ignore-abort':
      return new Promise(() => {})
    case 'spin':
      for (;;) performance.now()
    case 'exit':
      return process.exit(job.code)
    case 'throw':
      return new Promise(() => {
        setImmediate(() => {
          throw new Error('thrown where nobody catches it')
        })
      })
    case 'reject':
      return Promise.reject(new Error('the runner broke its promise'))
  }
}
