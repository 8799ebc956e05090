import { describeGateway } from './conformance.ts'
import { openGateway } from './gateway.ts'

describeGateway('the gateway', openGateway)
