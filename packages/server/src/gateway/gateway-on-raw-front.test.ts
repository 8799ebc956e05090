import { describeGateway } from './conformance.ts'
import { RawFront } from './front/raw-front.ts'
import { openGateway } from './gateway.ts'

describeGateway('the gateway on bare sockets', (options) =>
  openGateway({ ...options, openFront: (rooms) => new RawFront(rooms) }),
)
