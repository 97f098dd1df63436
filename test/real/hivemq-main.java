import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import java.nio.file.Path;

/** HiveMQ CE for tests, run from source: without an extension that says yes it lets nobody in. Argument: its folder. */
class HivemqMain {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        EmbeddedExtension everybody = EmbeddedExtension.builder()
                .withId("everybody").withName("everybody").withVersion("1").withAuthor("tests").withPriority(0).withStartPriority(1000)
                .withExtensionMain(new Everybody()).build();
        EmbeddedHiveMQ broker = EmbeddedHiveMQ.builder()
                .withConfigurationFolder(home.resolve("conf")).withDataFolder(home.resolve("data"))
                .withExtensionsFolder(home.resolve("extensions")).withEmbeddedExtension(everybody).build();
        broker.start().join();
        System.out.println("started");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join()));
        Thread.currentThread().join();
    }
}

class Everybody implements ExtensionMain {
    @Override
    public void extensionStart(ExtensionStartInput input, ExtensionStartOutput output) {
        SimpleAuthenticator yes = (asked, answer) -> answer.authenticateSuccessfully();
        Services.securityRegistry().setAuthenticatorProvider(provider -> yes);
    }

    @Override
    public void extensionStop(ExtensionStopInput input, ExtensionStopOutput output) {}
}
