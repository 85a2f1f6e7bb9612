import bioserver.*;
import bioserver.model.*;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;

/** Calls, through a client of openapi-generator's `java`, what the page of clients does not. Prints each operation that it has done. */
public class Operations {
    static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

    static class Selfie extends FaceOptions {
        @Override public String toString() { return "{\"imageType\": \"SELFIE\"}"; }
    }

    static class Adult extends AgeOptions {
        @Override public String toString() { return "{\"threshold\": 18}"; }
    }

    static void done(String operation, boolean well) {
        if (!well) throw new AssertionError(operation);
        System.out.println(operation);
    }

    static UUID made(ApiResponse<Void> answer) {
        String location = answer.getHeaders().get("location").get(0);
        return UUID.fromString(location.substring(location.lastIndexOf('/') + 1));
    }

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("BIOSERVER_URL"));
        client.setRequestInterceptor(request -> request.header("apikey", System.getenv("BIOSERVER_KEY")));
        FacesApi faces = new FacesApi(client);
        LivenessApi liveness = new LivenessApi(client);
        File obama = new File("obama.jpg");

        UUID session = made(new SessionsApi(client).createBioSessionWithHttpInfo(null, null));
        Face face = faces.createDirectFaceFromImage(new Selfie(), obama, null, null);
        KnownFace known = JSON.readValue(JSON.writeValueAsString(face), KnownFace.class);
        UUID kept = made(faces.createFaceFromJsonWithHttpInfo(session, known, null));
        done("face from JSON", faces.getFace(session, kept).getVerified());

        Match match = new MatchesApi(client).matchImages(
            obama, new File("obama2.jpg"), ImageType.SELFIE, ImageType.SELFIE, null, null, null, null);
        done("match/images", match.getScore() > 3500);
        Age age = new AgesApi(client).createDirectAgeFromImage(new Adult(), obama, null, null);
        done("ages", age.getAboveThreshold());

        NewLivenessParameter asked = new NewLivenessParameter().type(AskedLivenessType.LIVENESS_ACTIVE).nbChallenge(3);
        LivenessParameters begun = liveness.initLivenessParameters(session, asked);
        done("liveness", begun.getNbChallenge() == 3 && !begun.getCertificates().isEmpty());
        try {
            liveness.replayLiveness(session, Files.writeString(Path.of("capture"), "no capture").toFile());
            throw new AssertionError("it is no capture");
        } catch (ApiException refusal) {
            ApiError error = JSON.readValue(refusal.getResponseBody(), ApiError.class);
            done("capture", error.getCode().equals("CAPTURE_MALFORMED"));
        }
        NewLivenessSession old = new NewLivenessSession().livenessMode(AskedLivenessType.LIVENESS_PASSIVE);
        done("legacy", made(new LegacyApi(client).initLivenessSessionWithHttpInfo(old, null)) != null);

        done("health", new OperationsApi(client).getReadiness().getStatus() == HealthStatus.UP);
        done("certificate", new SystemApi(client).getCertificate().startsWith("-----BEGIN CERTIFICATE-----"));
    }
}
