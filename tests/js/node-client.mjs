// Sends with Segment's client for Node. Arguments: address of the server, write key.
import { Analytics } from "@segment/analytics-node";

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, flushAt: 3 });
analytics.on("error", (error) => {
  console.error(error);
  process.exitCode = 1;
});
analytics.identify({ userId: "node-1", traits: { email: "node@example.com", plan: "pro" } });
analytics.track({ userId: "node-1", event: "Product Viewed", properties: { sku: "7" } });
analytics.page({ userId: "node-1", name: "Home" });
analytics.screen({ anonymousId: "node-a", name: "Start" });
analytics.group({ userId: "node-1", groupId: "acme", traits: { name: "Acme", employees: 5 } });
analytics.alias({ userId: "node-1", previousId: "node-old" });
await analytics.closeAndFlush({ timeout: 20000 });
