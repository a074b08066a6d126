import { memoryBackends } from '../../src/backends/memory.ts'
import { exerciseBackend } from '../../src/testing/conformance/backend.ts'
import { backendOptions } from '../../src/testing/conformance/backend-session.ts'

const create = memoryBackends()

exerciseBackend({
  name: 'cache+memory',
  features: { persistent: true, autoExpire: true, nativeJoin: true, groups: true },
  create: (_t, overrides) => create(backendOptions('cache+memory://', overrides)),
})
