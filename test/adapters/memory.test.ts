import { createMemoryTransport } from '../../src/messaging/transports/memory.ts'
import { exerciseTransport } from '../../src/testing/conformance/transport.ts'
import { uuid } from '../../src/util/uuid.ts'

const transport = createMemoryTransport()
const url = `memory://${uuid()}`

exerciseTransport({
  name: 'memory [1-325, 5-125]',
  features: transport.features,
  connect: () =>
    transport.connect({
      url,
      transportOptions: {},
      connectTimeout: undefined,
      heartbeat: 0,
      ssl: false,
      clientName: 'conformance',
    }),
})
